"""De-identification of pictures: the endoscopic field is kept, all around it is black."""

"""What runs beside a run in a process of its own, to be lost without loss: started, talked to, ended."""

const canvas = document.getElementById("picture"), ws = new WebSocket(`ws${location.protocol.slice(4)}//${location.host}/ws/video`);
ws.binaryType = "arraybuffer"; window.pictures = 0;
ws.onmessage = async ({ data }) => {
  const view = new DataView(data); window.index = view.getUint32(4); window.age = view.getFloat64(8);
  const bitmap = await createImageBitmap(new Blob([data.slice(16)], { type: "image/jpeg" }));
  canvas.width = bitmap.width; canvas.height = bitmap.height; canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close(); window.pictures += 1; ws.send("ok");
};

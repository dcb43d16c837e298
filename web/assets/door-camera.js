// Reads QR codes from the camera: with the browser's own detector where it has one for QR codes,
// else with the library qr.
const pause = 100; // milliseconds between two looks
const side = 640; // pixels of the square that the library looks at

async function reader() {
  if ("BarcodeDetector" in globalThis && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video))[0]?.rawValue;
  }
  const { decodeQR } = await import("./vendor/qr/decode.js");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const w = video.videoWidth, h = video.videoHeight, cut = Math.min(w, h);
    pen.drawImage(video, (w - cut) / 2, (h - cut) / 2, cut, cut, 0, 0, side, side);
    try {
      return decodeQR(pen.getImageData(0, 0, side, side));
    } catch {
      return undefined; // no code in sight
    }
  };
}

// watch shows the camera in a video element and calls seen with each code it reads, again and
// again while it is in sight. It gives the track, for its light.
export async function watch(video, seen) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 960 } } });
  video.srcObject = stream;
  await video.play();
  const read = await reader();
  const track = stream.getVideoTracks()[0];
  const look = async () => {
    if (track.readyState !== "live") return;
    if (video.readyState >= 2 && !document.hidden) {
      const code = await read(video).catch(() => undefined);
      if (code) await seen(code);
    }
    setTimeout(look, pause);
  };
  look();
  return track;
}

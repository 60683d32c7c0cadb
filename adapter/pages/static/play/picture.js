// Pictures that are not drawn: out of a file, the clipboard, a drop or a camera, small enough
// to send. Knows no service.

const LONGEST_PX = 1280; // a photograph's longer side when it is sent
const SEE_THROUGH = new Set(["image/png", "image/webp", "image/gif", "image/svg+xml", "image/avif"]);

/**
 * A picture {canvas, dataUrl} out of an encoded one, turned as its camera was held.
 *
 * Throws when the browser cannot read it.
 */
export async function readPicture(blob) {
  const bitmap = await createImageBitmap(blob);
  const picture = toPicture(bitmap, bitmap.width, bitmap.height, SEE_THROUGH.has(blob.type));
  bitmap.close();
  return picture;
}

/** A picture of what *video* shows now. */
export function takePicture(video) {
  return toPicture(video, video.videoWidth, video.videoHeight, false);
}

/** The first picture among files or clipboard items, null when there is none. */
export function findPicture(transfer) {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? null;
}

function toPicture(source, width, height, isSeeThrough) {
  const scale = Math.min(1, LONGEST_PX / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  // What shines through is the model's business: each has a background of its own.
  const dataUrl = isSeeThrough ? canvas.toDataURL("image/png") : canvas.toDataURL("image/jpeg", 0.92);
  return { canvas, dataUrl };
}

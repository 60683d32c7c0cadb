// The camera: asks for it when a person wants it, and lets go of it as soon as it can.

/**
 * A camera that shows itself in *video*.
 *
 * stopped() is called when the stream ends, whoever ended it.
 */
export function createCamera(video, stopped) {
  let stream = null;
  let facing = "user";
  let wanted = 0; // the newest start; an older one that comes late is dropped

  async function start() {
    stop();
    const mine = (wanted += 1);
    if (!navigator.mediaDevices?.getUserMedia) return "insecure";
    try {
      const found = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 960 } },
      });
      if (mine !== wanted) return release(found);
      stream = found;
    } catch (error) {
      return error.name === "NotAllowedError" || error.name === "SecurityError" ? "denied" : "absent";
    }
    stream.getVideoTracks()[0].addEventListener("ended", stop);
    video.srcObject = stream;
    const settings = stream.getVideoTracks()[0].getSettings();
    video.classList.toggle("mirrored", settings.facingMode === "user");
    await video.play().catch(() => {}); // stopped before it played
    return stream ? "on" : "";
  }

  function stop() {
    wanted += 1;
    if (!stream) return;
    release(stream);
    stream = null;
    video.srcObject = null;
    stopped();
  }

  return {
    /** Resolves to "on", or why not: "denied", "absent", "insecure"; "" when no longer wanted. */
    start,
    stop,
    isOn: () => stream !== null && video.videoWidth > 0,
    /** Whether there is another one to turn to. */
    async hasOthers() {
      const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
      return devices.filter(({ kind }) => kind === "videoinput").length > 1;
    },
    /** Use the camera on the other side. */
    flip() {
      facing = facing === "user" ? "environment" : "user";
      return start();
    },
  };
}

function release(stream) {
  for (const track of stream.getTracks()) track.stop();
  return "";
}

// The camera: a picture of a screen, taken, pasted, dropped or chosen, is sent to the phone, which finds the code in it.
(() => {
  const sheet = document.getElementById("scan");
  const [ways, reading, fault] = [".ways", ".reading", ".fault"].map((part) => sheet.querySelector(part));
  const [screen, drop, file] = ["[data-screen]", ".drop", "[type=file]"].map((part) => sheet.querySelector(part));
  const note = document.getElementById("note");
  const words = (name) => sheet.querySelector(`template[data-say="${name}"]`)?.content.textContent;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const FRAMES = 6;
  let busy = false;

  ways.hidden = false;
  screen.hidden = !navigator.mediaDevices?.getDisplayMedia;

  /** What the phone says to a picture: a status, and words for whoever holds it. */
  const scan = async (picture) => {
    try {
      const answer = await fetch(sheet.dataset.camera, { method: "POST", body: picture });
      const { error } = await answer.json();
      return { status: answer.status, text: words(answer.status) ?? error };
    } catch {
      return { status: 0, text: words("lost") };
    }
  };

  /** One look at a time; `look` gives the phone's last word, or nothing when it was called off. */
  const show = async (look) => {
    if (busy) return;
    busy = true;
    fault.textContent = "";
    sheet.showPopover();
    try {
      const said = await look(() => { reading.textContent = reading.dataset.reading; });
      if (said?.status === 200) {
        sheet.hidePopover();
        note.textContent = said.text;
        note.hidden = false;
      } else {
        fault.textContent = said?.text ?? "";
      }
    } finally {
      reading.textContent = "";
      file.value = "";
      busy = false;
    }
  };
  const showPicture = (picture) => show((begun) => { begun(); return scan(picture); });

  const frame = (video) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  };

  /** Like a hand that holds the phone for a moment: some frames, until one has the code in it. */
  const takeFromScreen = async (begun) => {
    const controller = "CaptureController" in window ? new CaptureController() : undefined;
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ controller, video: true, selfBrowserSurface: "exclude" });
    } catch {
      return null; // Nothing was chosen.
    }
    try {
      controller?.setFocusBehavior("no-focus-change");
    } catch {
      // A window or a whole screen: the browser does not change the focus for those.
    }
    begun();
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = stream;
    try {
      await video.play();
      let said = null;
      for (let taken = 0; taken < FRAMES && (!said || said.status === 422); taken++) {
        await pause(400);
        said = await scan(await frame(video));
      }
      return said;
    } finally {
      stream.getTracks().forEach((track) => track.stop());
    }
  };

  const picture = (data) => [...(data?.files ?? [])].find((it) => it.type.startsWith("image/")) ?? data?.files[0];

  screen.addEventListener("click", () => show(takeFromScreen));
  file.addEventListener("change", () => file.files.length && showPicture(file.files[0]));
  document.addEventListener("paste", (event) => {
    const pasted = picture(event.clipboardData);
    if (!pasted) return;
    event.preventDefault();
    showPicture(pasted);
  });
  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    if (event.type === "dragover" && !busy) sheet.showPopover();
    drop.classList.toggle("over", event.type === "dragover");
    if (event.type === "drop") showPicture(picture(event.dataTransfer));
  };
  for (const type of ["dragover", "drop"]) document.addEventListener(type, over);
  document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
})();

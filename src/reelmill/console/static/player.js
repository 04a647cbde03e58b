"use strict";

// Streams play by hls.js; where a browser has no Media Source Extensions, by itself.

function attach() {
  for (const video of document.querySelectorAll("video[data-hls]:not([data-attached])")) {
    video.dataset.attached = "yes";
    if (window.Hls && Hls.isSupported()) {
      const player = new Hls({enableWorker: false, maxBufferLength: 20});
      player.loadSource(video.dataset.hls);
      player.attachMedia(video);
    } else {
      video.src = video.dataset.hls;
    }
  }
}
attach();
document.addEventListener("htmx:after:swap", attach);
document.addEventListener("htmx:sse:after:message", attach);

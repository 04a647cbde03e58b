"use strict";

// What pages do by themselves: copy, choose many, upload what is dropped. All else is HTML, htmx and the server.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.parentElement.querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages that came by plain http have no clipboard: the text is chosen, for the keyboard to copy.
    getSelection().selectAllChildren(button.parentElement.querySelector("pre"));
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

const many = document.getElementById("many");
if (many) {
  const all = document.getElementById("all");
  const boxes = () => [...document.querySelectorAll("input[name=id][form=many]")];
  const chosen = new Set();
  const show = () => {
    const count = boxes().filter((box) => box.checked).length;
    document.getElementById("chosen").textContent = count ? `${count} chosen:` : "Tick jobs to";
    for (const button of many.querySelectorAll("[data-many]")) button.disabled = !count;
    all.checked = count > 0 && count === boxes().length;
    all.indeterminate = count > 0 && !all.checked;
  };
  document.addEventListener("change", (event) => {
    if (event.target === all) {
      for (const box of boxes()) {
        box.checked = all.checked;
        all.checked ? chosen.add(box.value) : chosen.delete(box.value);
      }
    } else if (event.target.form === many && event.target.name === "id") {
      event.target.checked ? chosen.add(event.target.value) : chosen.delete(event.target.value);
    } else return;
    show();
  });
  // The list is drawn anew while it is watched: what was chosen stays so.
  document.getElementById("rows").addEventListener("htmx:sse:after:message", () => {
    for (const box of boxes()) box.checked = chosen.has(box.value);
    show();
    const states = [...document.querySelectorAll("#rows .badge")].map((badge) => badge.textContent);
    const told = [...new Set(states)].sort().map((s) => `${states.filter((x) => x === s).length} ${s}`).join(", ");
    const summary = document.getElementById("summary");
    if (told && summary.textContent !== told) summary.textContent = told;
  });
}

// A file is sent as it is to /uploads; the address that it gets goes into the form's field.
function upload(input, file) {
  const form = input.form, target = form.elements[input.dataset.upload];
  const said = form.querySelector("#upload-state"), bar = form.querySelector("#upload-progress");
  const buttons = [...form.querySelectorAll("button")];
  const request = new XMLHttpRequest();
  const name = file.name.replace(/^\.+|[\/\\?#%:\x00-\x1f\x7f]/g, "_") || "file";
  request.open("POST", `/uploads?name=${encodeURIComponent(name)}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.onprogress = (event) => { bar.value = event.lengthComputable ? 100 * event.loaded / event.total : 0; };
  const end = (text, uri) => {
    bar.hidden = true;
    for (const button of buttons) button.disabled = false;
    said.textContent = text;
    if (uri) { target.value = uri; target.dispatchEvent(new Event("input", {bubbles: true})); target.dispatchEvent(new Event("change", {bubbles: true})); }
  };
  request.onload = () => {
    if (request.status === 201) return end(`${file.name} is uploaded.`, JSON.parse(request.responseText).uri);
    let why = `HTTP ${request.status}`;
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const told = page.querySelector(".problem strong");
    if (told) why = told.textContent;
    end(`${file.name} was not uploaded: ${why}`);
  };
  request.onerror = () => end(`${file.name} was not uploaded: the connection broke.`);
  for (const button of buttons) button.disabled = true;
  said.textContent = `${file.name} is being uploaded…`;
  bar.hidden = false;
  request.send(file);
}

document.addEventListener("change", (event) => {
  if (event.target.matches("input[type=file][data-upload]") && event.target.files.length) upload(event.target, event.target.files[0]);
});
const field = document.querySelector("input[type=file][data-upload]");
if (field) {
  const shown = field.closest(".drop") || field.form;
  addEventListener("dragover", (event) => { event.preventDefault(); shown.classList.add("over"); });
  addEventListener("dragleave", () => shown.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    shown.classList.remove("over");
    if (event.dataTransfer.files.length) upload(field, event.dataTransfer.files[0]);
  });
}

// A form of a job: outputs come and go, faults are marked at their fields.
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-remove]")) event.target.closest("fieldset").remove();
  if (event.target.id === "another") {
    const next = Number(event.target.dataset.next);
    event.target.dataset.next = next + 1;
    htmx.ajax("GET", `/new/output?n=${next}`, {target: "#made", swap: "beforeend"});
    if (next >= 15) event.target.hidden = true;
  }
});
document.addEventListener("htmx:after:swap", () => {
  const plan = document.getElementById("plan");
  if (plan) plan.hidden = !plan.children.length;
  const checked = document.getElementById("checked");
  if (!checked) return;
  const wrong = new Set([...checked.querySelectorAll("[data-for]")].map((line) => line.dataset.for));
  const inputs = [...document.querySelectorAll("[data-field], [data-below]")];
  const own = new Set(inputs.map((input) => input.dataset.field));
  const below = (start) => start && [...wrong].some((place) => place.startsWith(start) && !own.has(place));
  for (const input of inputs) {
    if (wrong.has(input.dataset.field) || below(input.dataset.below)) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
});

// Whoever came by the keyboard to what a live part takes away stays beside it: else the next Tab begins at the page's top.
let focused = null, home = "main";
document.addEventListener("focusin", (event) => {
  focused = event.target;
  home = focused.closest("[tabindex='-1'][id]")?.id ?? "main";
});
document.addEventListener("htmx:sse:after:message", () => {
  if (!focused || (focused.isConnected && !focused.disabled) || document.activeElement !== document.body) return;
  document.getElementById(home)?.focus({preventScroll: true});
});

// What can't be undone is asked for.
document.addEventListener("submit", (event) => {
  const question = event.submitter && event.submitter.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
});

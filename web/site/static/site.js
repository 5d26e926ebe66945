// What pages do beyond their forms: each part is for comfort, and every page works without it.

// A link of an e-mail has its token behind #, where no server sees it. The form has a field for it.
const token = document.querySelector("[data-from-hash] input");
if (token && location.hash.length > 1) {
  token.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
}

// A second press sends nothing. The bank would do it once anyway: the form names its command.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
    }
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
  }
});

// What is not decided yet is asked for again, ever more rarely.
if (document.querySelector("[data-pending]")) {
  const tries = Number(sessionStorage.getItem(location.pathname) || 0);
  if (tries < 20) {
    sessionStorage.setItem(location.pathname, tries + 1);
    setTimeout(() => location.reload(), Math.min(1000 * 1.3 ** tries, 15000));
  }
}

// Copies a text that stands beside the button.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = button.dataset.done;
  });
}

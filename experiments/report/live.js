// Takes over the page's new content when the study has moved on; what is unfolded stays so.
setInterval(async () => {
  try {
    const state = await (await fetch("state")).text();
    if (state === document.body.dataset.state) return;
    const text = await (await fetch("./")).text();
    const next = new DOMParser().parseFromString(text, "text/html");
    const open = [...document.querySelectorAll("details")].filter(d => d.open).map(d => d.firstElementChild.textContent);
    for (const d of next.querySelectorAll("details")) d.open = open.includes(d.firstElementChild.textContent);
    document.querySelector("main").replaceWith(next.querySelector("main"));
    document.body.dataset.state = next.body.dataset.state;
  } catch (e) {
    // The server has ended; what is shown stays.
  }
}, 3000);

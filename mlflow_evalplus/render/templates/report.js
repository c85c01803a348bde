// The confusion matrix: what its cells show, and the examples of the cell that is chosen.
(() => {
  const AT_FIRST = 5;
  const listed = JSON.parse(document.getElementById("listed").textContent);
  const matrix = document.getElementById("matrix");
  const controls = document.querySelector("fieldset.controls");
  controls.hidden = false;
  controls.addEventListener("change", (event) => { matrix.dataset.show = event.target.value; });
  if (!listed.cells) return;

  const panel = document.getElementById("examples"), title = document.getElementById("examples-title");
  const list = document.getElementById("examples-list"), more = document.getElementById("examples-more");
  const buttons = Array.from(document.querySelectorAll("button[data-cell]"));

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  // Words of ours with texts from data between them, each text in an element of its own.
  const sentence = (className, ...parts) => {
    const made = element("p", undefined, className);
    made.append(...parts);
    return made;
  };

  const joined = (parts) => parts.flatMap((part, place) => (place ? [" · ", ...part] : part));

  const item = (example) => {
    const made = element("li");
    if (example.text) made.append(element("bdi", example.text, "lines"));
    const about = [[element("bdi", example.id)]];
    for (const [label, score] of example.scores ?? []) about.push([element("bdi", listed.labels[label]), ` ${score.toFixed(3)}`]);
    (example.slices ?? []).forEach((value, place) => about.push([element("bdi", `${listed.slices[place]}=${value}`)]));
    made.append(sentence("about", ...joined(about)));
    if (example.cause) {
      made.append(sentence("about", element("b", example.cause), ": ", element("bdi", example.evidence)));
    }
    return made;
  };

  const show = (examples, from, to) => {
    list.append(...examples.slice(from, to).map(item));
    const left = examples.length - to;
    more.hidden = left <= 0;
    more.textContent = `Show ${left} more`;
    more.onclick = () => {
      show(examples, to, examples.length);
      const next = list.children[to];
      next.tabIndex = -1;
      next.focus();
    };
  };

  const choose = (place) => {
    const { n, shown } = listed.cells[place];
    const [label, prediction] = place.split(",").map(Number);
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.cell === place));
    const scored = shown.some((example) => example.scores);
    const order = !scored ? "" : label === prediction ? ", the least sure first" : ", the most confident first";
    const words = label === prediction ? " answered rightly" : [" taken for ", element("bdi", listed.labels[prediction])];
    title.replaceChildren(
      element("bdi", listed.labels[label]), ...[words].flat(),
      `: ${shown.length.toLocaleString("en")} of ${n.toLocaleString("en")} shown${order}`,
    );
    list.replaceChildren();
    show(shown, 0, AT_FIRST);
    panel.hidden = false;
  };

  for (const button of buttons) {
    button.addEventListener("click", () => {
      choose(button.dataset.cell);
      title.scrollIntoView({ block: "nearest" });
    });
  }
  const errors = Object.entries(listed.cells).filter(([place]) => new Set(place.split(",")).size > 1);
  const [first] = errors.sort(([, a], [, b]) => b.n - a.n);
  if (first) choose(first[0]);
})();

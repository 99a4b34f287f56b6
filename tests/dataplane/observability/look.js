// What a reader would stumble over on a page of ours: a list of sentences, empty where all is well.
() => {
  const faults = [];
  const name = (element) => {
    const panel = element.closest("article");
    return `${panel ? panel.querySelector("h3, h4").textContent : "page"}: ${element.textContent.trim().slice(0, 60)}`;
  };
  const apart = (one, other) =>
    one.right <= other.left + 0.5 || other.right <= one.left + 0.5 ||
    one.bottom <= other.top + 0.5 || other.bottom <= one.top + 0.5;
  const overlapping = (elements, what) => {
    const boxes = elements.map((element) => element.getBoundingClientRect());
    boxes.forEach((box, at) => boxes.slice(at + 1).forEach((other, after) => {
      if (!apart(box, other)) faults.push(`${what} overlap: ${name(elements[at])} | ${name(elements[at + 1 + after])}`);
    }));
  };

  if (document.documentElement.scrollWidth > window.innerWidth) faults.push("the page scrolls sideways");
  const panels = [...document.querySelectorAll("article")];
  overlapping(panels, "panels");
  for (const panel of panels) {
    const box = panel.getBoundingClientRect();
    if (box.width < 100 || box.height < 100) faults.push(`too small: ${name(panel)}`);
    overlapping([...panel.children], "parts");
    for (const axis of panel.querySelectorAll(".values, .times")) overlapping([...axis.children], "labels of an axis");
  }

  // Contrast as WCAG 2 has it.
  const numbers = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = numbers(colour).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      const [, , , opacity = 1] = numbers(colour);
      if (opacity > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (colour, element) => {
    const [low, high] = [luminance(colour), luminance(ground(element))].sort((one, other) => one - other);
    return (high + 0.05) / (low + 0.05);
  };

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || element.closest(".unseen, .skip")) continue;
    if (!element.checkVisibility()) continue; // in what is not opened
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    const lines = [...range.getClientRects()].filter((line) => line.width > 0);
    const box = (element.closest("article") || document.body).getBoundingClientRect();
    const out = (line) => line.left < box.left || line.right > box.right || line.top < box.top || line.bottom > box.bottom;
    const frame = element.closest("[tabindex='0']"); // that keys scroll
    if (!frame && lines.some(out)) faults.push(`text leaves its panel: ${name(element)}`);
    for (let at = element; at && at !== frame && at !== document.body; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== "visible" && at.scrollWidth > at.clientWidth + 1) {
        faults.push(`text is cut: ${name(element)}`);
      }
    }
    const has = contrast(getComputedStyle(element).color, element);
    if (has < 4.5) faults.push(`contrast of ${has.toFixed(2)}, less than 4.5: ${name(element)}`);
  }
  for (const line of document.querySelectorAll(".key path")) {
    const has = contrast(getComputedStyle(line).stroke, line.closest("article"));
    if (has < 3) faults.push(`contrast of ${has.toFixed(2)}, less than 3: a line of ${name(line.closest("tr, p"))}`);
  }
  return faults;
}

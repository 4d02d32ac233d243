/** The line drawings of the page, as SVG elements on a 20 × 20 grid. */

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  hash: "M8 3 6.5 17M13.5 3 12 17M3.5 7.5h13.5M3 12.5h13.5",
  lock: "M5 9h10v8H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  send: "M3.5 10 16.5 4l-4 12.5-3-5.5zM9.5 11l7-7",
  plus: "M10 4v12M4 10h12",
  search: "M8.7 14.4a5.7 5.7 0 1 0 0-11.4 5.7 5.7 0 0 0 0 11.4zM13 13l4 4",
  sun: "M10 13.4a3.4 3.4 0 1 0 0-6.8 3.4 3.4 0 0 0 0 6.8zM10 2v1.6M10 16.4V18M2 10h1.6M16.4 10H18M4.3 4.3l1.2 1.2M14.5 14.5l1.2 1.2M15.7 4.3l-1.2 1.2M5.5 14.5l-1.2 1.2",
  moon: "M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z",
  auto: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 3v14M10 7l5-2M10 11h7M10 15l5 0",
  close: "M5 5l10 10M15 5 5 15",
  smile: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM7.5 8.2v.1M12.5 8.2v.1M7 11.5c1.6 2.2 4.4 2.2 6 0",
  thread: "M3.5 4h13v9.5H9L5.5 16.6v-3.1h-2zM6.8 7.4h6.4M6.8 10.1h4",
  pencil: "M4 16l.8-3.4L13.2 4.2l2.6 2.6-8.4 8.4zM11.6 5.8l2.6 2.6",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.8 10.5h7.4L14.5 6M8.5 9v4.5M11.5 9v4.5",
  more: "M5 10v.01M10 10v.01M15 10v.01",
  copy: "M7 7h9v9.5H7zM13 7V3.5H4V13h3",
  download: "M10 3v9.5M6 9l4 4 4-4M4 16.5h12",
  file: "M5 2.5h6.5L15 6v11.5H5zM11.5 2.5V6H15",
  check: "M4.5 10.5l3.7 3.7 7.3-8",
  eye: "M2 10c3.5-6 12.5-6 16 0-3.5 6-12.5 6-16 0zM10 12.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6z",
  menu: "M3.5 5.5h13M3.5 10h13M3.5 14.5h13",
  down: "M10 4v12M5 11l5 5 5-5",
  chevron: "M6 8l4 4 4-4",
  back: "M12 4.5 6.5 10l5.5 5.5",
  clip: "M14.5 9.3l-5 5a3 3 0 0 1-4.3-4.3l5.8-5.8a2 2 0 0 1 2.9 2.9l-5.6 5.6a1 1 0 0 1-1.4-1.4l4.7-4.7",
  alert: "M10 3 18 16.5H2zM10 8v4M10 14.3v.01",
  bolt: "M11 2.5 4.5 11.5h4.3L8.5 17.5l7-9.3h-4.7z",
  at: "M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0zm0 0v1.2a2 2 0 0 0 4 0V10a7 7 0 1 0-2.8 5.6",
  people: "M7.5 9.5a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM2.5 16c.3-5 9.7-5 10 0M13 4.5a2.5 2.5 0 0 1 0 4.8M14.5 11.8c1.8.5 3 2 3 4.2",
  keyboard: "M2.5 5.5h15v9h-15zM5.5 8.5v.01M8.5 8.5v.01M11.5 8.5v.01M14.5 8.5v.01M6.5 11.7h7",
  branch: "M6 7.3v5.4M6 7.3a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM6 16.7a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM14 9.3a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM14 9.3c0 3-6 2-8 4",
};

/** One drawing by name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.file);
  svg.append(path);
  return svg;
}

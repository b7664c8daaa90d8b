"use strict";
const find = (id) => document.getElementById(id);
const cards = [...document.querySelectorAll("figure")];
const slider = find("slider");
const stage = document.querySelector(".stage");
const [left, top_, width, height] = slider.dataset.detail.split(" ").map(Number);

function describe(place, card) {
  const name = document.createElement("b");
  name.textContent = card.querySelector("strong").textContent;
  const words = document.createElement("span");
  words.textContent = card.querySelector("figcaption p").textContent;
  place.dataset.grade = card.dataset.grade;
  place.replaceChildren(name, words);
}

function show() {
  for (const side of ["left", "right"]) {
    const number = find(side).value;
    const image = cards[number].querySelector("img");
    find(`${side}-picture`).src = image.src;
    find(`${side}-picture`).alt = image.alt;
    describe(find(`${side}-says`), cards[number]);
    for (const button of document.querySelectorAll(`[data-side=${side}]`)) {
      button.setAttribute("aria-pressed", button.dataset.number === number);
    }
  }
  slide();
}

function slide() {
  const share = find("at").value;
  const name = find("left").selectedOptions[0].textContent;
  stage.style.setProperty("--at", `${share}%`);
  find("at").setAttribute("aria-valuetext", `${share} % ${name}`);
}

find("left").addEventListener("change", show);
find("right").addEventListener("change", show);
find("at").addEventListener("input", slide);
find("enlarge").addEventListener("change", (event) => {
  stage.classList.toggle("enlarged", event.target.checked);
});
find("swap").addEventListener("click", () => {
  [find("left").value, find("right").value] = [find("right").value, find("left").value];
  show();
});
for (const button of document.querySelectorAll("[data-side]")) {
  button.addEventListener("click", () => {
    find(button.dataset.side).value = button.dataset.number;
    show();
    slider.scrollIntoView({ block: "nearest" });
  });
}

const first = cards[0].querySelector("img");
stage.style.setProperty("--ratio", first.getAttribute("width") / first.getAttribute("height"));
stage.style.setProperty("--zoom", Math.min(1 / width, 1 / height));
stage.style.setProperty("--detail-left", `${100 * left}%`);
stage.style.setProperty("--detail-top", `${100 * top_}%`);
for (const part of document.querySelectorAll(".pick")) part.hidden = false;
slider.hidden = false;
show();

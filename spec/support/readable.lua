--- What a browser shows of a page: whether its texts and lines can be read, and
--- whether it fits. Each function returns what is wrong, as a list of texts.

local M = {}

-- The contrast of two colours (WCAG 2.1): from 1 to 21.
local CONTRAST = [[
  function channels(text) { return text.match(/[\d.]+/g).map(Number) }
  function luminance(rgb) {
    const [r, g, b] = rgb.slice(0, 3).map(v => {
      v /= 255
      return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4)
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  // of the nearest element behind it that is not transparent
  function behind(element) {
    for (; element; element = element.parentElement) {
      const colour = channels(getComputedStyle(element).backgroundColor)
      if (colour.length < 4 || colour[3] === 1) return colour
      if (colour[3] > 0) throw new Error("half transparent: " + element.className)
    }
    throw new Error("there is no background")
  }
  function contrast(one, two) {
    const [low, high] = [luminance(one), luminance(two)].sort((a, b) => a - b)
    return (high + 0.05) / (low + 0.05)
  }
]]

local TEXTS = "(function () {" .. CONTRAST .. [[
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), wrong = []
  let count = 0
  for (let node; node = walker.nextNode();) {
    const element = node.parentElement
    if (!node.data.trim() || element.closest("style, script")) continue
    count++
    const ratio = contrast(channels(getComputedStyle(element).color), behind(element))
    if (!(ratio >= 4.5)) wrong.push(ratio.toFixed(2) + ": " + node.data.trim())
    if (parseFloat(getComputedStyle(element).fontSize) < 12) wrong.push("small: " + node.data.trim())
  }
  if (count === 0) wrong.push("there is no text")
  return wrong
})()]]

local LINES = "(function () {" .. CONTRAST .. [[
  const wrong = []
  for (const path of document.querySelectorAll("path.line, rect.fill")) {
    const style = getComputedStyle(path)
    const colour = path.matches("rect") ? style.fill : style.stroke
    const ratio = contrast(channels(colour), behind(path.closest("svg").parentElement))
    if (!(ratio >= 3)) wrong.push(ratio.toFixed(2) + ": " + path.getAttribute("class"))
  }
  return wrong
})()]]

local OVERFLOW = [[(function () {
  const width = document.documentElement.clientWidth, wrong = []
  if (document.documentElement.scrollWidth > width) wrong.push("the page is wider than the window")
  for (const element of document.querySelectorAll("body *:not(svg *)")) {
    const box = element.getBoundingClientRect()
    if (box.right > width + 0.5 || box.left < -0.5) wrong.push(element.tagName + ": " + element.textContent)
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline")
      wrong.push("clipped " + element.tagName + ": " + element.textContent)
  }
  return wrong
})()]]

local ROLES = [[(function () {
  const wrong = []
  for (const svg of document.querySelectorAll("svg")) {
    const label = svg.getAttribute("aria-label")
    if (svg.getAttribute("aria-hidden") === "true") continue
    if (svg.getAttribute("role") !== "img" || !label || label.length < 20)
      wrong.push("a drawing without a text")
  }
  for (const cell of document.querySelectorAll("th")) if (!cell.scope) wrong.push("a head without a scope")
  for (const table of document.querySelectorAll("table")) {
    const name = document.getElementById(table.getAttribute("aria-labelledby"))
    if (!name || !name.textContent) wrong.push("a table without a name")
    const columns = table.tHead.rows[0].cells.length
    for (const row of table.tBodies[0].rows)
      if (row.cells.length !== columns || row.cells[0].tagName !== "TH") wrong.push("row " + row.textContent)
  }
  let level = 0
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1])
    if (next > level + 1) wrong.push("a level is missing before " + heading.textContent)
    level = next
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1")
  if (document.querySelectorAll("main").length !== 1) wrong.push("not one main")
  if (!document.title || document.documentElement.lang !== "en") wrong.push("no title or language")
  const ids = [...document.querySelectorAll("[id]")].map(element => element.id)
  if (new Set(ids).size !== ids.length) wrong.push("an id occurs twice: " + ids)
  if (document.querySelector("[style]")) wrong.push("a style attribute, which the policy refuses")
  return wrong
})()]]

--- Texts with a contrast below 4.5, or smaller than 12 px.
function M.texts(tab)
  return tab:evaluate(TEXTS)
end

--- Lines and bars with a contrast below 3.
function M.lines(tab)
  return tab:evaluate(LINES)
end

--- Elements that do not fit into the window.
function M.overflow(tab)
  return tab:evaluate(OVERFLOW)
end

--- What a screen reader would miss.
function M.roles(tab)
  return tab:evaluate(ROLES)
end

return M

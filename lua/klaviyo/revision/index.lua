--- The catalogued revisions, the oldest first. A new one is a line here and
-- the file that tools/catalogue.lua makes.

return {
  "2024-10-15",
}

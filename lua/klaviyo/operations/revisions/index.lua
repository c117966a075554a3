--- The catalogued revisions, the oldest first. A new one is a line here and
-- the file that tools/catalogue.lua makes.

return {
  "2024-10-15",
  "2025-01-15",
  "2025-04-15",
  "2025-07-15",
  "2025-10-15",
  "2026-01-15",
  "2026-04-15",
  "2026-07-15",
}

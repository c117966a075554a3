--- The supported revisions, oldest first. For a new one, add a line here and
-- generate its data files with tools/revisions.sh.

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

--- The exit statuses of the command.

return {
  OK = 0,
  REFUSED = 1,      -- the API refused the request, or a file failed
  USAGE = 2,        -- the command line is not valid
  SOME_FAILED = 3,  -- some of the records failed
  KEY = 4,          -- no key, a wrong one, or one without the scope
  UNREACHABLE = 5,  -- the API did not answer in time
  INTERRUPTED = 130,
  BROKEN_PIPE = 141,  -- nobody reads the output; not reported
}

--- The version of this library: of the rock, the User-Agent and _VERSION.
return "0.1.0"

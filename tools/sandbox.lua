-- make sandbox: a sandbox for other programs, with the options in ARGS.

require("klaviyo.sandbox").main(arg)

// Ends this process when whoever started it is gone, however that one ended.
process.stdin.on("end", () => process.exit()).resume();

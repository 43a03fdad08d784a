using Gemma2.Cli;

return await CommandLine.RunAsync(args);

using Gemma2.Cli;
using Gemma2.Cli.Startups;

ProcessTimeline.Begin();
return await CommandLine.RunAsync(args);

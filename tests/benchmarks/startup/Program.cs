using Gemma2.Benchmarks.Startup;

// A process for one token is started by this program alone: see OneToken.
if (args is [OneToken.Command, .. var once]) return await OneToken.RunAsync(once);

return await new StartupBenchmarkCommand().Create().Parse(args).InvokeAsync();

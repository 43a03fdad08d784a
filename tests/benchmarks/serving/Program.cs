using Gemma2.Benchmarks.Serving;
using Gemma2.Benchmarks.Sides.Workers;

// A worker is started by this program alone: see Worker.
if (args is [Worker.Command, .. var worker]) return await WorkerHost.RunAsync(worker);

return await new ServingCommand().Create().Parse(args).InvokeAsync();

using Gemma2.Benchmarks.Weights;

return await LoadBenchmark.CreateCommand().Parse(args).InvokeAsync();

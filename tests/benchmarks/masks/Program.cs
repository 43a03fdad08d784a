using Gemma2.Benchmarks.Masks;

return await MasksBenchmark.CreateCommand().Parse(args).InvokeAsync();

Console.WriteLine("gemma2");

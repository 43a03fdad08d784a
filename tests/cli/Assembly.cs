[assembly: AssemblyFixture(typeof(Gemma2.Testing.AzuriteFixture))]

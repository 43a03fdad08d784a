using Gemma2.Testing;

[assembly: AssemblyFixture(typeof(AzuriteFixture))]

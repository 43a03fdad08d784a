using System.Runtime.Versioning;
using Gemma2.Image.Tests;
using Gemma2.Testing;

// The images are Linux's.
[assembly: SupportedOSPlatform("linux")]
[assembly: AssemblyFixture(typeof(Images))]
[assembly: AssemblyFixture(typeof(AzuriteFixture))]

using System.Runtime.Versioning;

// The scripts are for Debian.
[assembly: SupportedOSPlatform("linux")]

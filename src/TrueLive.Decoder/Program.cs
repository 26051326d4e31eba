using TrueLive.Core.Processes;
using TrueLive.Media.Isolated;

// confine PATH... -- PROGRAM ARGUMENT...: becomes a program that may read those paths.
if (args is ["confine", .. var rest] && Array.IndexOf(rest, "--") is >= 0 and var end)
    Landlock.Become(rest[..end], rest[(end + 1)..]);
return DecoderProgram.Run();

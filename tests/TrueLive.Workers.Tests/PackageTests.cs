using System.Diagnostics;
using TrueLive.Core.Models;

namespace TrueLive.Workers.Tests;

/// <summary>The Python package as model authors install it, and its examples.</summary>
public sealed class PackageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-worker-package").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    [Trait("Run", "long")]
    public async Task Pip_installs_it_without_an_index()
    {
        // In a copy, since pip builds next to the sources.
        await RunAsync("cp", "-r", Path.Combine(TestWorker.Root, "worker"), _folder);
        await RunAsync("/usr/bin/python3", "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation",
            "--disable-pip-version-check",
            "--root-user-action", "ignore", "--target", Path.Combine(_folder, "site"), Path.Combine(_folder, "worker"));
        var said = await RunAsync("env", $"PYTHONPATH={Path.Combine(_folder, "site")}", "/usr/bin/python3", "-c",
            "import truelive_worker as t; from importlib.metadata import version; print(version('truelive-worker') == t.__version__, " +
                "t.Model.format)");
        Assert.Equal("True rgb8", said.Trim());
        Assert.True(File.Exists(Path.Combine(_folder, "site", "truelive_worker", "py.typed")));
    }

    [Fact]
    public async Task A_program_that_is_started_by_hand_says_what_starts_it()
    {
        var process = Start("env", $"PYTHONPATH={Path.Combine(TestWorker.Root, "worker")}", "/usr/bin/python3",
            Path.Combine(TestWorker.Example("echo"), "echo.py"));
        var said = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, process.ExitCode);
        Assert.Contains("truelive models check FOLDER", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_and_its_examples_are_written_in_the_Python_of_3_9() =>
        await RunAsync("/usr/bin/python3", "-c", """
            import ast, pathlib, sys
            files = [file for file in pathlib.Path(sys.argv[1]).rglob('*.py') if 'build/' not in str(file)]
            assert len(files) >= 9, files
            for file in files:
                ast.parse(file.read_text(), str(file), feature_version=(3, 9))
            """, Path.Combine(TestWorker.Root, "worker"));

    [Fact]
    public async Task Its_types_and_those_of_a_model_made_with_it_hold_under_strict_checks()
    {
        var said = await RunAsync("env", "-C", Path.Combine(TestWorker.Root, "worker"), "/usr/bin/mypy", "--strict",
            "--python-version", "3.9", "--cache-dir=/dev/null",
            "truelive_worker", "build_backend", "examples/echo/echo.py", "examples/invert_numpy/invert.py");
        Assert.StartsWith("Success", said, StringComparison.Ordinal);
    }

    /// <summary>
    /// The system's Python, and each further one that <c>TRUELIVE_TEST_PYTHONS</c> names with its path, separated by colons.
    /// </summary>
    [Fact]
    public void It_serves_a_model_with_memory_in_each_Python()
    {
        var further = Environment.GetEnvironmentVariable("TRUELIVE_TEST_PYTHONS") ?? "";
        foreach (var python in further.Split(':', StringSplitOptions.RemoveEmptyEntries).Prepend("python3"))
        {
            using var worker = new TestWorker("""
                import struct
                from truelive_worker import Frame, Model, Picture, Prompt, Session, serve


                class Counting(Model):
                    format = "i420"
                    memory = True

                    def open(self, width: int, height: int) -> Session:
                        return Count(self, width, height)


                class Count(Session):
                    count = 0

                    def step(self, frame: Frame, prompt: Prompt) -> Picture:
                        if prompt.text == "fail":
                            raise ValueError("as asked")
                        self.count += 1
                        return Picture(bytes([self.count]) * len(frame.data), frame.index)

                    def reset(self) -> None:
                        self.count = 0

                    def capture(self) -> bytes:
                        return struct.pack("<I", self.count)

                    def restore(self, state: bytes) -> None:
                        (self.count,) = struct.unpack("<I", state)


                serve(Counting)
                """, command: [python, "model.py"]);
            using var session = worker.Model.CreateSession(64, 48);
            int[] counted = [Count(1), Count(2)];
            var state = session.Capture();
            var wrong = Assert.Throws<ModelAwayException>(() => worker.Step(session, 3, "fail", 1));
            Assert.Contains("ValueError: as asked", wrong.Message, StringComparison.Ordinal);
            Assert.Equal([1, 2, 1], [.. counted, Count(4)]);
            session.Restore(state);
            Assert.Equal(3, Count(5));

            int Count(int n)
            {
                using var picture = Assert.Single(worker.Step(session, n)).Frame;
                return picture.Y[0];
            }
        }
    }

    [Fact]
    public void The_example_with_numpy_inverts_as_far_as_the_strength_says()
    {
        using var worker = new TestWorker(File.ReadAllText(Path.Combine(TestWorker.Example("invert_numpy"), "invert.py")), parameters:
        [
            new("channels", "", ParameterKind.Choice) { Default = "all", Choices = ["all", "red", "green", "blue"] },
            new("from", "", ParameterKind.Number) { Default = "0", Min = 0, Max = 255 },
        ]);
        using var session = worker.Model.CreateSession(64, 48);
        var asked = TestWorker.Prompt("x", 1);
        Prompt[] prompts =
        [
            Prompt.None, asked, asked with { Strength = 0.5f }, asked with { Values = worker.Values(("from", "200")) },
            asked with { Values = worker.Values(("channels", "green")) },
        ];
        Assert.Equal([120, 131, 125, 120, 126], prompts.Select((p, i) => Luma(worker, session, p with { Revision = i })),
            (a, b) => Math.Abs(a - b) <= 2);
    }

    private static int Luma(TestWorker worker, IModelSession session, Prompt prompt)
    {
        using var frame = worker.Pool.Rent(64, 48);
        frame.Y.Fill(120);
        frame.U.Fill(128);
        frame.V.Fill(128);
        var made = new Core.Frames.MadeFrame[1];
        session.Step(frame, prompt, made);
        using var picture = made[0].Frame;
        return picture.Y[40];
    }

    private static Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await errors);
        return said;
    }
}

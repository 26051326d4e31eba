using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Serialization;
using StackExchange.Redis;
using TrueLive.Server.Configuration;
using TrueLive.Server.Usage;

namespace TrueLive.Fleet.Grains;

/// <summary>A control node's part in the cluster: how it finds the others, and how soon it notices that one of them is gone.</summary>
internal static class ControlCluster
{
    /// <summary>Time within which a call between control nodes is answered, or fails.</summary>
    public static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(2);

    /// <summary>As long for a call that waits for a worker, which may have to load a model.</summary>
    public static readonly TimeSpan LongAnswerTime = TimeSpan.FromSeconds(65);

    /// <exception cref="ConfigurationException">The store cannot be used, or the port is taken.</exception>
    public static async Task AddAsync(IHostApplicationBuilder builder, ServerOptions options, CancellationToken cancel)
    {
        var host = IPAddress.Parse(options.SiloHost);
        var port = FreePort(host, options.Store == "memory" ? 0 : options.SiloPort);
        Action<ISiloBuilder> findOthers;
        if (options.Store == "memory")
        {
            findOthers = silo => silo.UseLocalhostClustering(port, gatewayPort: 0);
            builder.Services.AddSingleton<IUsageStore, UsageFolder>();
        }
        else if (options.Store.StartsWith("redis", StringComparison.Ordinal))
        {
            var redis = await RedisStore.OpenAsync(options.Store).ConfigureAwait(false);
            findOthers = silo => silo.UseRedisClustering(o => o.ConfigurationOptions = redis);
            builder.Services.AddSingleton<IUsageStore>(_ => new RedisUsage(redis.Clone(), options.FleetName));
        }
        else
        {
            var connection = await PostgresStore.OpenAsync(options.Store, cancel).ConfigureAwait(false);
            findOthers = silo => silo.UseAdoNetClustering(o => (o.Invariant, o.ConnectionString) = ("Npgsql", connection));
            builder.Services.AddSingleton<IUsageStore>(_ => new PostgresUsage(connection, options.FleetName));
        }
        builder.UseOrleans(silo =>
        {
            findOthers(silo);
            silo.Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (options.FleetName, options.FleetName));
            // No gateway for clients: only control nodes speak to grains.
            silo.ConfigureEndpoints(host, port, gatewayPort: 0, listenOnAnyHostAddress: false);
            silo.Configure<ClusterMembershipOptions>(o =>
            {
                o.ProbeTimeout = TimeSpan.FromSeconds(1);
                o.NumMissedProbesLimit = 2;
                o.TableRefreshTimeout = o.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);
            });
            silo.Configure<SiloMessagingOptions>(o => o.ResponseTimeout = AnswerTime);
            silo.Services.AddSerializer(s => s.AddJsonSerializer(IsOurs, new JsonSerializerOptions { MaxDepth = 16 }));
        });
    }

    private static bool IsOurs(Type type) => type.Namespace?.StartsWith("TrueLive.", StringComparison.Ordinal) == true
        && !typeof(IAddressable).IsAssignableFrom(type);

    // The cluster's own listener would share a port with another process in silence.
    private static int FreePort(IPAddress host, int wanted)
    {
        using var probe = new TcpListener(host, wanted);
        try
        {
            probe.Start();
            return ((IPEndPoint)probe.LocalEndpoint).Port;
        }
        catch (SocketException error)
        {
            throw new ConfigurationException(
                [$"The control node cannot listen for others on {host}:{wanted} (silo_host, silo_port): {error.Message}."]);
        }
    }
}

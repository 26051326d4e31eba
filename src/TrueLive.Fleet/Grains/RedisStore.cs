using System.Net;
using StackExchange.Redis;
using TrueLive.Server.Configuration;

namespace TrueLive.Fleet.Grains;

/// <summary>Redis as the place where control nodes find each other.</summary>
internal static class RedisStore
{
    /// <summary>How to reach it; tried once, so that a wrong address is told at the start.</summary>
    /// <exception cref="ConfigurationException">It cannot be reached.</exception>
    public static async Task<ConfigurationOptions> OpenAsync(string store)
    {
        if (!Uri.TryCreate(store, UriKind.Absolute, out var uri) || uri.Host.Length == 0)
            throw new ConfigurationException(["store is no address of a Redis such as redis://127.0.0.1:6379."]);
        var options = new ConfigurationOptions { EndPoints = { { uri.Host, uri.Port > 0 ? uri.Port : 6379 } }, ConnectTimeout = 5000 };
        if (uri.UserInfo.Split(':', 2) is [var user, var password])
            (options.User, options.Password) = (user.Length > 0 ? Uri.UnescapeDataString(user) : null, Uri.UnescapeDataString(password));
        try
        {
            await using var connection = await ConnectionMultiplexer.ConnectAsync(options).ConfigureAwait(false);
            await connection.GetDatabase().PingAsync().ConfigureAwait(false);
        }
        catch (RedisException error)
        {
            throw new ConfigurationException([$"The store at {uri.Host}:{uri.Port} cannot be used: {error.Message}"]);
        }
        // From now on a Redis that is away is waited for.
        options.AbortOnConnectFail = false;
        return options;
    }
}

using Npgsql;
using TrueLive.Server.Configuration;

namespace TrueLive.Fleet.Grains;

/// <summary>
/// PostgreSQL as the place where control nodes find each other. The cluster's library reads its statements from a table; both are made
/// here, in words of our own: the names of statements, parameters and columns are the library's.
/// </summary>
internal static class PostgresStore
{
    /// <summary>Of the tables. A control node does not touch those of another one.</summary>
    public const int Version = 1;

    private const int Lock = 0x544c464c;

    private const string Tables = """
        CREATE TABLE IF NOT EXISTS truelive_fleet_schema (version integer NOT NULL);
        INSERT INTO truelive_fleet_schema SELECT 1 WHERE NOT EXISTS (SELECT FROM truelive_fleet_schema);
        CREATE TABLE IF NOT EXISTS truelive_fleet_members_version (deploymentid text PRIMARY KEY,
            changed timestamptz NOT NULL DEFAULT now(), version integer NOT NULL DEFAULT 0);
        CREATE TABLE IF NOT EXISTS truelive_fleet_members (
            deploymentid text NOT NULL REFERENCES truelive_fleet_members_version, address text NOT NULL, port integer NOT NULL,
                generation integer NOT NULL,
            siloname text NOT NULL, hostname text NOT NULL, status integer NOT NULL, proxyport integer, suspecttimes text,
            starttime timestamptz NOT NULL, iamalivetime timestamptz NOT NULL, PRIMARY KEY (deploymentid, address, port, generation));
        CREATE TABLE IF NOT EXISTS truelive_fleet_usage (fleet text NOT NULL, day date NOT NULL, source text NOT NULL, owner text NOT NULL,
            kind text NOT NULL, model text NOT NULL, key text NOT NULL, sessions bigint NOT NULL, seconds double precision NOT NULL,
            frames bigint NOT NULL, bytes bigint NOT NULL, PRIMARY KEY (fleet, day, source, owner, kind, model));
        CREATE TABLE IF NOT EXISTS orleansquery (querykey text PRIMARY KEY, querytext text NOT NULL);
        """;

    private const string Members =
        "SELECT v.deploymentid, m.address, m.port, m.generation, m.siloname, m.hostname, m.status, m.proxyport, m.suspecttimes, "
        + "m.starttime, m.iamalivetime, v.version FROM truelive_fleet_members_version v "
        + "LEFT JOIN truelive_fleet_members m ON m.deploymentid = v.deploymentid ";

    private const string ThisSilo = "deploymentid = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation";

    // Every change names the version that it was made from, and only one of those that name the same comes through.
    private const string Claim =
        "WITH claimed AS (UPDATE truelive_fleet_members_version SET version = version + 1, changed = now() "
        + "WHERE deploymentid = @DeploymentId AND version = @Version RETURNING 1)";

    private static readonly (string Key, string Text)[] Statements =
    [
        ("InsertMembershipVersionKey",
            "WITH added AS (INSERT INTO truelive_fleet_members_version (deploymentid) VALUES (@DeploymentId) "
            + "ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*)::integer FROM added"),
        ("InsertMembershipKey",
            Claim + ", added AS (INSERT INTO truelive_fleet_members "
            + "(deploymentid, address, port, generation, siloname, hostname, status, proxyport, starttime, iamalivetime) "
            + "SELECT @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime "
            + "FROM claimed ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*)::integer FROM added"),
        ("UpdateMembershipKey",
            Claim + ", changed AS (UPDATE truelive_fleet_members SET status = @Status, suspecttimes = @SuspectTimes, "
            + $"iamalivetime = @IAmAliveTime WHERE {ThisSilo} AND EXISTS (SELECT FROM claimed) RETURNING 1) SELECT count(*)::integer " +
                "FROM changed"),
        ("UpdateIAmAlivetimeKey", $"UPDATE truelive_fleet_members SET iamalivetime = @IAmAliveTime WHERE {ThisSilo}"),
        ("MembershipReadRowKey",
            Members + "AND m.address = @Address AND m.port = @Port AND m.generation = @Generation WHERE v.deploymentid = @DeploymentId"),
        ("MembershipReadAllKey", Members + "WHERE v.deploymentid = @DeploymentId"),
        ("GatewaysQueryKey",
            "SELECT address, proxyport, generation FROM truelive_fleet_members "
            + "WHERE deploymentid = @DeploymentId AND status = @Status AND proxyport > 0"),
        ("DeleteMembershipTableEntriesKey",
            "WITH gone AS (DELETE FROM truelive_fleet_members WHERE deploymentid = @DeploymentId) "
            + "DELETE FROM truelive_fleet_members_version WHERE deploymentid = @DeploymentId"),
        // 3 is an active member.
        ("CleanupDefunctSiloEntriesKey",
            "DELETE FROM truelive_fleet_members WHERE deploymentid = @DeploymentId AND iamalivetime < @IAmAliveTime AND status <> 3"),
        ("CleanupDefunctSiloEntryKey", $"DELETE FROM truelive_fleet_members WHERE {ThisSilo} AND status <> 3"),
    ];

    /// <summary>Makes the tables where they are missing, and gives the connection string.</summary>
    /// <exception cref="ConfigurationException">It cannot be reached, or holds tables of another version.</exception>
    public static async Task<string> OpenAsync(string store, CancellationToken cancel)
    {
        var connectionString = ConnectionString(store);
        try
        {
            await using var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync(cancel).ConfigureAwait(false);
            await using var transaction = await connection.BeginTransactionAsync(cancel).ConfigureAwait(false);
            await RunAsync($"SELECT pg_advisory_xact_lock({Lock})").ConfigureAwait(false);
            await RunAsync(Tables).ConfigureAwait(false);
            await using (var ask = new NpgsqlCommand("SELECT max(version) FROM truelive_fleet_schema", connection, transaction))
            {
                if (await ask.ExecuteScalarAsync(cancel).ConfigureAwait(false) is not Version)
                    throw new ConfigurationException(
                    [
                        "The store holds the tables of another version of TrueLive. "
                        + "Give this one a database of its own, or bring all control nodes to one version.",
                    ]);
            }
            foreach (var (key, text) in Statements)
            {
                await using var put = new NpgsqlCommand(
                    "INSERT INTO orleansquery VALUES (@key, @text) ON CONFLICT (querykey) DO UPDATE SET querytext = excluded.querytext",
                        connection, transaction);
                put.Parameters.AddWithValue("key", key);
                put.Parameters.AddWithValue("text", text);
                await put.ExecuteNonQueryAsync(cancel).ConfigureAwait(false);
            }
            await transaction.CommitAsync(cancel).ConfigureAwait(false);
            return connectionString;

            async Task RunAsync(string sql)
            {
                await using var command = new NpgsqlCommand(sql, connection, transaction);
                await command.ExecuteNonQueryAsync(cancel).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is NpgsqlException or TimeoutException)
        {
            var place = new NpgsqlConnectionStringBuilder(connectionString);
            throw new ConfigurationException(
                [$"The store at {place.Host}:{place.Port}, database {place.Database}, cannot be used: {error.Message}"]);
        }
    }

    /// <summary>From the address of a database with user, password, host and port.</summary>
    internal static string ConnectionString(string store)
    {
        if (!Uri.TryCreate(store, UriKind.Absolute, out var uri) || uri.Host.Length == 0 || uri.AbsolutePath.Length < 2)
            throw new ConfigurationException(
                ["store is no address of a PostgreSQL database such as postgres://truelive@127.0.0.1:5432/fleet."]);
        var parts = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Database = Uri.UnescapeDataString(uri.AbsolutePath[1..]),
            MaxPoolSize = 20,
        };
        var user = uri.UserInfo.Split(':', 2);
        if (user[0].Length > 0)
            parts.Username = Uri.UnescapeDataString(user[0]);
        if (user.Length > 1)
            parts.Password = Uri.UnescapeDataString(user[1]);
        return parts.ConnectionString;
    }
}

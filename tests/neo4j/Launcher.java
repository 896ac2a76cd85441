import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

public final class Launcher {
    private Launcher() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 2) {
            throw new IllegalArgumentException("usage: Launcher <home folder> <bolt port> [setting=value ...]");
        }
        Path home = Path.of(arguments[0]).toAbsolutePath();
        String address = "127.0.0.1:" + Integer.parseInt(arguments[1]);
        Map<String, String> settings = defaults(address);
        override(settings, List.of(arguments).subList(2, arguments.length));

        DatabaseManagementService server =
                new DatabaseManagementServiceBuilder(home)
                        .loadPropertiesFromFile(write(home, settings))
                        .build();
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown, "shutdown"));
        System.out.println("ready bolt://" + address);
        Thread.currentThread().join();
    }

    private static Map<String, String> defaults(String address) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("server.config.strict_validation.enabled", "true");
        settings.put("server.bolt.enabled", "true");
        settings.put("server.bolt.listen_address", address);
        settings.put("server.bolt.advertised_address", address);
        settings.put("dbms.security.auth_enabled", "false");
        settings.put("dbms.security.allow_csv_import_from_file_urls", "false");
        settings.put("dbms.usage_report.enabled", "false");
        settings.put("server.logs.debug.enabled", "false");
        settings.put("internal.dbms.bolt.netty_server_shutdown_quiet_period", "0");
        settings.put("server.memory.pagecache.size", "64m");
        settings.put("db.transaction.timeout", "60s");
        settings.put("db.tx_log.rotation.retention_policy", "false");
        return settings;
    }

    private static void override(Map<String, String> settings, List<String> pairs) {
        for (String pair : pairs) {
            int equals = pair.indexOf('=');
            if (equals < 1) {
                throw new IllegalArgumentException("not a setting=value pair: " + pair);
            }
            settings.put(pair.substring(0, equals), pair.substring(equals + 1));
        }
    }

    private static Path write(Path home, Map<String, String> settings) throws Exception {
        List<String> lines = new ArrayList<>();
        settings.forEach((name, value) -> lines.add(name + "=" + value));
        Files.createDirectories(home.resolve("import"));
        return Files.write(home.resolve("neo4j.conf"), lines);
    }
}

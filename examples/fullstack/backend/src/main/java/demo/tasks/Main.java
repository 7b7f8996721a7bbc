package demo.tasks;

import com.sun.net.httpserver.HttpServer;

/** The server: DATABASE_URL, DATABASE_USER and DATABASE_PASSWORD lead to its database, PORT is where it listens. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        String url = setting("DATABASE_URL", "jdbc:postgresql://127.0.0.1:5432/postgres");
        Tasks tasks = new PostgresTasks(url, setting("DATABASE_USER", "postgres"), setting("DATABASE_PASSWORD", ""));
        int port = Integer.parseInt(setting("PORT", "8081"));
        HttpServer server = Api.serve(tasks, port);
        // Else a JVM that was told to end says that a signal killed it.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.stop(1);
            Runtime.getRuntime().halt(0);
        }));
        System.out.println("tasks: serving on port " + port);
    }

    private static String setting(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }
}

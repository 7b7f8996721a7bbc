package basics;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;

/** GET /?name=… on 8080, until SIGTERM; with the argument health it asks that. */
public final class Server {
    private Server() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0 && arguments[0].equals("health")) {
            var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:8080/")).build();
            var answer = HttpClient.newHttpClient().send(request, BodyHandlers.discarding());
            System.exit(answer.statusCode() == 200 ? 0 : 1);
        }
        serve();
    }

    private static void serve() throws IOException {
        var server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> {
            String query = exchange.getRequestURI().getQuery();
            String name = query != null && query.startsWith("name=") ? query.substring(5) : null;
            byte[] body = Greeting.of(name).getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "text/html; charset=utf-8");
            exchange.sendResponseHeaders(200, body.length);
            try (var out = exchange.getResponseBody()) {
                out.write(body);
            }
        });
        server.start();
        // A virtual machine that a signal ended says so by its exit code; this end was asked for.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.stop(1);
            Runtime.getRuntime().halt(0);
        }));
    }
}

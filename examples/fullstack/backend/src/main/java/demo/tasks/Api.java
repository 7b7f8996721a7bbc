package demo.tasks;

import com.google.gson.Gson;
import com.google.gson.JsonSyntaxException;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** GET and POST /api/tasks, POST /api/tasks/ID/done, GET /health. */
public final class Api {
    private static final Pattern DONE = Pattern.compile("/api/tasks/(\\d{1,18})/done");
    private static final int LARGEST_BODY = 16 * 1024;

    private final Gson gson = new Gson();
    private final Tasks tasks;

    private Api(Tasks tasks) {
        this.tasks = tasks;
    }

    /** Starts to serve; port 0 is any that is free. */
    public static HttpServer serve(Tasks tasks, int port) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", new Api(tasks)::handle);
        server.start();
        return server;
    }

    private record Answer(int status, Object body) {}

    private record NewTask(String title) {}

    private void handle(HttpExchange exchange) throws IOException {
        Answer answer;
        try {
            answer = answer(exchange);
        } catch (IllegalArgumentException | JsonSyntaxException error) {
            answer = new Answer(400, Map.of("error", error.getMessage()));
        } catch (Exception error) {
            System.err.println(error);
            answer = new Answer(500, Map.of("error", "an error; it is in the log"));
        }
        byte[] body = gson.toJson(answer.body()).getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("content-type", "application/json");
        exchange.sendResponseHeaders(answer.status(), body.length);
        try (exchange) {
            exchange.getResponseBody().write(body);
        }
    }

    private Answer answer(HttpExchange exchange) throws Exception {
        String path = exchange.getRequestURI().getPath();
        String route = exchange.getRequestMethod() + " " + path;
        Matcher done = DONE.matcher(path);
        if (route.equals("GET /health")) {
            return new Answer(200, Map.of("tasks", tasks.all().size()));
        } else if (route.equals("GET /api/tasks")) {
            return new Answer(200, tasks.all());
        } else if (route.equals("POST /api/tasks")) {
            byte[] body = exchange.getRequestBody().readNBytes(LARGEST_BODY);
            NewTask task = gson.fromJson(new String(body, StandardCharsets.UTF_8), NewTask.class);
            return new Answer(201, tasks.add(Task.title(task == null ? null : task.title())));
        } else if (route.startsWith("POST ") && done.matches()) {
            return tasks.finish(Long.parseLong(done.group(1)))
                    .map(task -> new Answer(200, task))
                    .orElse(new Answer(404, Map.of("error", "no such task")));
        }
        return new Answer(404, Map.of("error", "no such page"));
    }
}

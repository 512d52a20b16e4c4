// The JDK's own client with its defaults: over plain http it offers to upgrade to HTTP/2 (Upgrade: h2c).

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;

public class UpgradingClient {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        URI marks = URI.create(arguments[0] + "/v1/records/marks");
        for (int number = 0; number < 3; number++) {
            String body = "{\"mark\": \"java " + number + "\"}";
            HttpRequest.Builder request = HttpRequest.newBuilder(marks).header("Content-Type", "application/json");
            tell(client.send(request.POST(BodyPublishers.ofString(body)).build(), BodyHandlers.ofString()));
        }
        byte[] streamed = "{\"mark\": \"java in chunks\"}".getBytes();
        HttpRequest.Builder request = HttpRequest.newBuilder(marks).header("Content-Type", "application/json");
        tell(client.send(
            request.POST(BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(streamed))).build(),
            BodyHandlers.ofString()));
        tell(client.send(HttpRequest.newBuilder(marks).GET().build(), BodyHandlers.ofString()));
    }

    private static void tell(HttpResponse<String> response) {
        System.out.println(response.statusCode() + " " + response.version());
    }
}

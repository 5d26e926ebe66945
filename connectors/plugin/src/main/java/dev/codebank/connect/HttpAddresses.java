package dev.codebank.connect;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;

/** A setting with a list of addresses of the form {@code http(s)://host:port}, separated by commas. */
final class HttpAddresses {
    /** Refuses any other value. The messages name the setting and never show a password. */
    static final ConfigDef.Validator VALIDATOR =
        ConfigDef.LambdaValidator.with(HttpAddresses::check, () -> "http(s)://host:port, …");

    private HttpAddresses() {
    }

    /** Returns the addresses of a setting that has passed {@link #VALIDATOR}, without a slash at the end. */
    static List<URI> parse(List<String> addresses) {
        return addresses.stream()
            .map(url -> URI.create(url.endsWith("/") ? url.substring(0, url.length() - 1) : url)).toList();
    }

    private static void check(String key, Object value) {
        List<?> urls = (List<?>) value;
        if (urls == null || urls.isEmpty()) {
            throw new ConfigException(key + ": name at least one node, as http://host:port");
        }
        urls.forEach(url -> checkOne(key, url.toString()));
    }

    private static void checkOne(String key, String text) {
        URI url;
        try {
            url = new URI(text);
        } catch (URISyntaxException e) {
            throw new ConfigException(key + ": not an address, '" + e.getReason() + "'");
        }
        // The message does not show the address, because the address holds a password.
        if (url.getUserInfo() != null) {
            throw new ConfigException(key + ": credentials belong in a setting of their own, where they are not logged");
        }
        if (!"http".equals(url.getScheme()) && !"https".equals(url.getScheme()) || url.getHost() == null) {
            throw new ConfigException(key + ": not of the form http(s)://host:port: " + text);
        }
        if (url.getQuery() != null || url.getFragment() != null) {
            throw new ConfigException(key + ": an address has no query and no fragment: " + text);
        }
    }
}

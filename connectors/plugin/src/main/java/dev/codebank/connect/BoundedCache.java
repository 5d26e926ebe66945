package dev.codebank.connect;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A map with a limit. When it grows beyond the limit, it removes the entry that was not used for the longest time. Not
 * safe for concurrent use.
 */
final class BoundedCache<K, V> extends LinkedHashMap<K, V> {
    private static final long serialVersionUID = 1L;

    private final int limit;

    BoundedCache(int limit) {
        super(16, 0.75f, true);
        this.limit = limit;
    }

    @Override
    protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
        return size() > limit;
    }
}

package dev.codebank.connect;

import java.util.Map;

/**
 * A setting of another sink of which this plug-in supports one value only.
 *
 * @param value the value
 * @param reason why no other value is supported
 */
record FixedSetting(String value, String reason) {
    /** Adds a problem for every setting that has another value than the supported one: key → message. */
    static void check(Map<String, FixedSetting> fixed, Map<String, String> settings, Map<String, String> problems) {
        fixed.forEach((key, setting) -> {
            String value = settings.get(key);
            if (value != null && !value.equalsIgnoreCase(setting.value)) {
                problems.put(key, "only '" + setting.value + "' is possible: " + setting.reason);
            }
        });
    }
}

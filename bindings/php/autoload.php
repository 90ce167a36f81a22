<?php

declare(strict_types=1);

/** Loads the classes of this folder when they are asked for, by either of their names. */
spl_autoload_register(static function (string $class): void {
    $pattern = '/^NodeRPC_(?:Service_([A-Za-z0-9]+)|([A-Za-z0-9]+)_Service)$/';
    if (preg_match($pattern, $class, $parts) !== 1) {
        return;
    }
    $file = __DIR__ . '/NodeRPC_Service_' . ucfirst($parts[2] ?? $parts[1]) . '.php';
    if (is_file($file)) {
        require_once $file;
    }
});

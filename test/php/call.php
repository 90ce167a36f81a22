<?php

// Calls methods of generated classes: FOLDER PORT CALLS, where CALLS is JSON, a list of [service, method, args].
// Prints what each gave, as a line of JSON.
declare(strict_types=1);

[, $folder, $port, $calls] = $argv;
require "$folder/autoload.php";

foreach (json_decode($calls, true, 512, JSON_THROW_ON_ERROR) as [$service, $method, $args]) {
    $class = 'NodeRPC_Service_' . ucfirst($service);
    $object = new $class('127.0.0.1', (int) $port);
    try {
        $line = ['result' => $object->$method(...$args)];
    } catch (NodeRPC_Service_Exception $error) {
        $line = [
            'error' => $error->getErrorCode(),
            'status' => $error->getCode(),
            'message' => $error->getMessage(),
            'help' => $error->getHelp(),
        ];
    }
    echo json_encode($line, JSON_THROW_ON_ERROR), "\n";
}

#!/usr/bin/env php
<?php

/**
 * Writes a PHP class for each service of a running server: what `fanfare generate php` writes, byte for byte.
 *
 *     php generateApi.php -h HOST [-p PORT] [-k KEY] [-o DIR]
 *
 * The port is 80 without -p; a server's management port is 8181 by default. Without -o, the classes are
 * written beside this file.
 */

declare(strict_types=1);

const RUNTIME = ['NodeRPC_Service_Abstract.php', 'NodeRPC_Service_Exception.php', 'autoload.php'];
const MAX_ANSWER = 4194304;

try {
    main();
} catch (RuntimeException | JsonException $error) {
    fwrite(STDERR, 'generateApi.php: ' . $error->getMessage() . "\n");
    exit(1);
}

function main(): void
{
    $options = getopt('h:p:k:o:');
    $host = $options['h'] ?? null;
    if (!is_string($host) || $host === '') {
        throw new RuntimeException('usage: php generateApi.php -h HOST [-p PORT] [-k KEY] [-o DIR]');
    }
    $folder = rtrim($options['o'] ?? __DIR__, '/') ?: '/';
    $text = fetch($host, $options['p'] ?? '80', $options['k'] ?? null);
    $files = phpFiles(json_decode($text, true, 512, JSON_THROW_ON_ERROR));
    if (!is_dir($folder) && !mkdir($folder, 0777, true)) {
        throw new RuntimeException("cannot make the folder $folder");
    }
    if (realpath($folder) !== realpath(__DIR__)) {
        foreach (RUNTIME as $name) {
            write("$folder/$name", read(__DIR__ . "/$name"));
        }
    }
    foreach ($files as $name => $content) {
        write("$folder/$name", $content);
    }
}

function fetch(string $host, string $port, ?string $key): string
{
    $bare = strpos($host, ':') !== false && $host[0] !== '[' ? "[$host]" : $host;
    $url = "http://$bare:$port/openapi.json";
    $headers = ['Accept: application/json', 'Connection: close'];
    if ($key !== null) {
        $headers[] = "Authorization: Bearer $key";
    }
    $context = stream_context_create(['http' => [
        'header' => $headers,
        'protocol_version' => 1.1,
        'timeout' => 30.0,
        'ignore_errors' => true,
        'follow_location' => 0,
    ]]);
    $stream = @fopen($url, 'rb', false, $context);
    $text = $stream ? stream_get_contents($stream, MAX_ANSWER + 1) : false;
    if ($text === false) {
        throw new RuntimeException("no answer from $url: " . (error_get_last()['message'] ?? ''));
    }
    $status = stream_get_meta_data($stream)['wrapper_data'][0] ?? '';
    if (preg_match('#^HTTP/\S+ 200 #', "$status ") !== 1) {
        throw new RuntimeException("$url answered $status: " . trim(substr($text, 0, 500)));
    }
    if (strlen($text) > MAX_ANSWER) {
        throw new RuntimeException("the answer of $url is too long");
    }
    return $text;
}

function read(string $file): string
{
    $content = is_file($file) ? file_get_contents($file) : false;
    if ($content === false) {
        throw new RuntimeException("cannot read $file, which belongs beside this program");
    }
    return $content;
}

function write(string $file, string $content): void
{
    if (@file_put_contents($file, $content) !== strlen($content)) {
        throw new RuntimeException("cannot write $file");
    }
}

/** @return array<string, string> the files, by name */
function phpFiles(mixed $openApi): array
{
    $files = [];
    foreach ($openApi['tags'] ?? [] as $tag) {
        $name = $tag['name'];
        $methods = [];
        foreach ($openApi['paths'] ?? [] as $path => $operations) {
            $post = $operations['post'] ?? [];
            if (($post['tags'][0] ?? null) === $name) {
                $methods[] = methodOf(basename($path), $post);
            }
        }
        if ($methods !== []) {
            $files[classOf($name) . '.php'] = fileOf($name, $tag['description'] ?? '', $methods);
        }
    }
    if ($files === []) {
        throw new RuntimeException('the answer describes no services');
    }
    return $files;
}

function classOf(string $service): string
{
    return 'NodeRPC_Service_' . ucfirst(known($service));
}

/** Names come from a server and become code. */
function known(string $name): string
{
    $taken = preg_match('/^(?:proxyCall|this)$/i', $name) === 1;
    if (!$taken && preg_match('/^[A-Za-z][A-Za-z0-9]*$/D', $name) === 1) {
        return $name;
    }
    throw new RuntimeException(json_encode($name) . ' cannot be a name in PHP');
}

/** @param list<string> $methods */
function fileOf(string $service, string $description, array $methods): string
{
    $name = classOf($service);
    $words = plain($description);
    $code = implode("\n", $methods);
    $alias = 'NodeRPC_' . ucfirst($service) . '_Service';
    return <<<PHP
        <?php

        declare(strict_types=1);

        require_once __DIR__ . '/NodeRPC_Service_Abstract.php';

        /**
         * $words
         *
         * Written by `fanfare generate php` or generateApi.php; the next run writes it again.
         */
        class $name extends NodeRPC_Service_Abstract
        {
            protected const SERVICE = '$service';

        {$code}}

        // The name that it has in socket-push's own examples.
        class_alias($name::class, '$alias');

        PHP;
}

/** @param array<string, mixed> $operation */
function methodOf(string $method, array $operation): string
{
    $params = paramsOf($operation['requestBody']['content']['application/json']['schema'] ?? []);
    $result = $operation['responses'][200]['content']['application/json']['schema'] ?? null;
    $lines = [plain($operation['summary'] ?? '')];
    if (isset($operation['description'])) {
        array_push($lines, '', plain($operation['description']));
    }
    $lines[] = '';
    foreach ($params as ['name' => $name, 'schema' => $schema, 'optional' => $optional]) {
        $type = docTypeOf($schema) . ($optional ? '|null' : '');
        $lines[] = rtrim("@param $type \$$name " . plain($schema['description'] ?? ''));
    }
    if ($result !== null) {
        $lines[] = '@return ' . docTypeOf($result);
    }
    $lines[] = '@throws NodeRPC_Service_Exception';
    $doc = '';
    foreach ($lines as $line) {
        $doc .= $line === '' ? "     *\n" : "     * $line\n";
    }
    $list = implode(', ', array_map('declarationOf', $params));
    $given = array_filter($params, static fn (array $param): bool => !$param['optional']);
    $optional = array_filter($params, static fn (array $param): bool => $param['optional']);
    $args = ["'" . known($method) . "'"];
    if ($params !== []) {
        $args[] = '[' . implode(', ', array_map('argumentOf', $given)) . ']';
    }
    if ($optional !== []) {
        $args[] = '[' . implode(', ', array_map('argumentOf', $optional)) . ']';
    }
    $type = $result === null ? 'void' : typeOf($result);
    $return = $result === null ? '' : 'return ';
    return "    /**\n$doc     */\n"
        . "    public function $method($list): $type\n    {\n"
        . "        $return\$this->proxyCall(" . implode(', ', $args) . ");\n    }\n";
}

/**
 * @param array<string, mixed> $schema
 * @return list<array{name: string, schema: array<string, mixed>, optional: bool}>
 */
function paramsOf(array $schema): array
{
    $params = [];
    foreach ($schema['properties'] ?? [] as $name => $inner) {
        $optional = !in_array($name, $schema['required'] ?? [], true);
        $params[] = ['name' => known((string) $name), 'schema' => $inner, 'optional' => $optional];
    }
    return $params;
}

/** @param array{name: string, schema: array<string, mixed>, optional: bool} $param */
function declarationOf(array $param): string
{
    $type = typeOf($param['schema']);
    if (!$param['optional']) {
        return "$type \${$param['name']}";
    }
    if ($type !== 'mixed') {
        $type = strpos($type, '|') === false ? "?$type" : "$type|null";
    }
    return "$type \${$param['name']} = null";
}

/** @param array{name: string} $param */
function argumentOf(array $param): string
{
    return "'{$param['name']}' => \${$param['name']}";
}

/**
 * What PHP can check by itself.
 *
 * @param array<string, mixed> $schema
 */
function typeOf(array $schema): string
{
    if (isset($schema['anyOf'])) {
        return union(array_map('typeOf', $schema['anyOf']));
    }
    $types = [
        'array' => 'array',
        'object' => 'array',
        'string' => 'string',
        'integer' => 'int',
        'number' => 'float',
        'boolean' => 'bool',
        'null' => 'null',
    ];
    return $types[$schema['type'] ?? ''] ?? 'mixed';
}

/**
 * What can be said of it in a comment.
 *
 * @param array<string, mixed> $schema
 */
function docTypeOf(array $schema): string
{
    if (isset($schema['anyOf'])) {
        return union(array_map('docTypeOf', $schema['anyOf']));
    }
    $type = $schema['type'] ?? '';
    if ($type === 'array') {
        return 'list<' . docTypeOf($schema['items'] ?? []) . '>';
    }
    if ($type !== 'object') {
        return typeOf($schema);
    }
    if (isset($schema['properties'])) {
        $fields = [];
        foreach ($schema['properties'] as $name => $inner) {
            $fields[] = known((string) $name) . ': ' . docTypeOf($inner);
        }
        return 'array{' . implode(', ', $fields) . '}';
    }
    $rest = $schema['additionalProperties'] ?? null;
    return 'array<string, ' . (is_array($rest) ? docTypeOf($rest) : 'mixed') . '>';
}

/** @param list<string> $types */
function union(array $types): string
{
    return in_array('mixed', $types, true) ? 'mixed' : implode('|', array_unique($types));
}

/** Words of a server in a comment, which they must not end. */
function plain(string $text): string
{
    return preg_replace('/[ \t\r\n]+/', ' ', str_replace('*/', '* /', $text));
}

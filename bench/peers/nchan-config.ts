/** Where one nginx lives. */
export interface NchanPlace {
  /** Path of the nchan module. */
  readonly module: string
  readonly folder: string
  readonly port: number
}

/**
 * nginx's configuration: what an operator who wants speed on one core would write. bench/README.md
 * says why each line is there.
 */
export function nchanConfig({ module, folder, port }: NchanPlace): string {
  return `load_module ${module};
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;

events {
  use epoll;
  worker_connections 19000;
  multi_accept on;
}

http {
  access_log off;
  gzip off;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;

  nchan_shared_memory_size 1G;
  client_max_body_size 2m;
  client_body_buffer_size 2m;
  nchan_message_buffer_length 1000;
  nchan_message_timeout 1h;

  server {
    listen 127.0.0.1:${port} backlog=4096;

    location ~ ^/publisher/(.+)$ {
      nchan_publisher;
      nchan_channel_id $1;
    }
    location ~ ^/subscriber/(.+)$ {
      nchan_subscriber longpoll;
      nchan_channel_id $1;
    }
    location ~ ^/events/(.+)$ {
      nchan_subscriber eventsource;
      # As ours: what comes from now on. Without it a new subscriber gets the whole buffer first.
      nchan_subscriber_first_message newest;
      nchan_channel_id $1;
    }
    location ~ ^/ws/(.+)$ {
      nchan_subscriber websocket;
      nchan_subscriber_first_message newest;
      nchan_channel_id $1;
    }
    location = /status {
      nchan_stub_status;
    }
  }
}
`
}

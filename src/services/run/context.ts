import type { ResolvedConfig } from '../../config/types.ts'
import type { Traffic, TrafficTable } from '../../hub/traffic.ts'
import type { Users } from '../../users/users.ts'
import type { Control, NodeStatus } from '../control.ts'

/** What services work with. */
export interface ServiceContext {
  readonly users: Users
  /** What holds now. */
  readonly config: ResolvedConfig
  /** This node, and all nodes. */
  readonly control: Control
  /** Of all doors. */
  readonly traffic: TrafficTable
  /** Where it is counted what the services themselves publish. */
  readonly counted: Traffic
  /** Where this node's services are called. */
  readonly place: () => NodeStatus['config']
}
